"""The faults that can happen to a run: what is done about each, and what the user sees.

`docs/faults.md` is made from this table: python -m tests.faults.page
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import made


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        fault: what goes wrong. done: what Relight does. seen: what the user is told.
        make: makes it for real, and returns what was said; `words` must be in it.
        tests: where else it is tested. untested: why not.
    """

    fault: str
    done: str
    seen: str
    make: Callable[[made.Place], made.Told] | None = None
    words: str = ""
    tests: tuple[str, ...] = ()
    untested: str = ""


MEDIA, ENGINE, CLI, UI = "tests/media/", "tests/engine/", "tests/cli/", "tests/ui/"

FAULTS: dict[str, tuple[Fault, ...]] = {
    "Media in": (
        Fault(
            fault="missing path, a folder, no permission",
            done="refused before anything is loaded",
            seen="the path and the reason",
            make=made.missing,
            words="No such file",
            tests=(MEDIA + "test_bad_files.py::test_bad_files_say_so_in_one_line",),
        ),
        Fault(
            fault="empty file",
            done="refused",
            seen="the file is empty (0 bytes)",
            make=made.empty,
            words="empty",
        ),
        Fault(
            fault="random bytes called .mp4",
            done="refused",
            seen="not a video that can be read, or damaged",
            make=made.random_bytes,
            words="not a video",
        ),
        Fault(
            fault="MP4 cut short before its index",
            done="refused",
            seen="incomplete file, its index (moov atom) is missing",
            make=made.without_index,
            words="moov",
        ),
        Fault(
            fault="MP4 cut short after its index",
            done="what can be decoded is done; with --strict the run fails",
            seen="a note, also in sidecar, JSON and report: the file is cut short: 6 of 10 frames",
            tests=(
                ENGINE + "test_damaged.py::"
                "test_a_clip_cut_short_is_noted_wherever_the_run_is_told_and_refused_if_strict",
            ),
        ),
        Fault(
            fault="damaged packets in the middle",
            done="skipped and counted, up to 5 %",
            seen="a note with their number; above 5 % an error",
            tests=(
                MEDIA + "test_bad_files.py::test_damaged_packets_are_skipped_and_counted",
                MEDIA + "test_bad_files.py::test_too_much_damage_stops",
            ),
        ),
        Fault(
            fault="sound only; SVG, PDF or zip under a video's name",
            done="refused",
            seen="no video stream, or not a video that can be read",
            make=made.text,
            words="not a video",
            tests=(MEDIA + "test_bad_files.py::test_bad_files_say_so_in_one_line",),
        ),
        Fault(
            fault="a picture given as a video",
            done="a clip of one frame",
            seen="the note: a single image",
            make=made.picture,
            words="a single image",
        ),
        Fault(
            fault="GIF, animated WebP and PNG",
            done="each frame's own duration is kept",
            seen="nothing",
            tests=(MEDIA + "test_time.py::test_animations_keep_times_and_repeats",),
        ),
        Fault(
            fault="one frame, two frames, fewer than a window",
            done="one short window",
            seen="nothing",
            tests=(
                MEDIA + "test_reading.py::test_very_short",
                ENGINE + "test_run.py::test_a_still_image_is_a_clip_of_one_frame",
            ),
        ),
        Fault(
            fault="declared number of frames missing or wrong",
            done="frames are counted in a first pass; headers are never trusted",
            seen="nothing",
            tests=(MEDIA + "test_reading.py::test_webm_with_unknown_frame_count",),
        ),
        Fault(
            fault="variable frame rate",
            done="time stamps are kept",
            seen="nothing",
            tests=(MEDIA + "test_reading.py::test_variable_frame_rate_is_kept",),
        ),
        Fault(
            fault="negative, double and missing time stamps, edit lists",
            done="times rise and begin at 0; sound stays in sync",
            seen="nothing",
            tests=(
                MEDIA + "test_reading.py::test_equal_and_backward_stamps_become_rising",
                MEDIA + "test_reading.py::test_start_other_than_zero_is_rebased",
            ),
        ),
        Fault(
            fault="rotated and mirrored by a tag",
            done="pixels are turned upright, the tag is dropped",
            seen="a note with the angle",
            tests=(MEDIA + "test_look.py::test_rotation_and_mirroring",),
        ),
        Fault(
            fault="pixels that aren't square",
            done="made square",
            seen="a note",
            tests=(MEDIA + "test_look.py::test_pixel_aspect",),
        ),
        Fault(
            fault="odd sides, 1 pixel wide, smaller than a model's grid",
            done="padded for the model and cut again: exactly the source's size",
            seen="nothing",
            tests=(
                ENGINE + "test_run.py::test_tiny_and_odd_sizes_come_back_exactly",
                MEDIA + "test_look.py::test_odd_sizes_are_exact",
            ),
        ),
        Fault(
            fault="huge declared size, pixel bombs",
            done="refused before decoding; animations by frames times pixels",
            seen="the size and the limit: 64 megapixels, 4 gigapixels in all frames",
            make=made.pixel_bomb,
            words="gigapixels",
            tests=(MEDIA + "test_bad_files.py::test_too_large_is_refused_before_decoding",),
        ),
        Fault(
            fault="ten hours of video",
            done="--dry-run gives time and disk; the disk is checked; memory doesn't grow",
            seen="the estimate",
            tests=(
                ENGINE + "test_plan.py::test_time_is_estimated_from_the_last_runs",
                MEDIA + "test_reading.py::test_memory_is_a_few_frames",
            ),
        ),
        Fault(
            fault="HDR and 10-bit video",
            done="10 bits are read at 16; HDR is refused without --tonemap",
            seen="HDR (...): add --tonemap to map it to SDR",
            tests=(MEDIA + "test_look.py::test_hdr_is_refused",),
        ),
        Fault(
            fault="full or limited range, BT.601, 709, 2020, no tag",
            done="tags are honoured, HD without one is BT.709; outputs are tagged",
            seen="nothing",
            tests=(
                MEDIA + "test_look.py::test_colour_tags_are_honoured",
                MEDIA + "test_look.py::test_generations_do_not_drift",
            ),
        ),
        Fault(
            fault="transparency",
            done="kept where the output can hold it, else laid over a colour",
            seen="a note where it is lost",
            tests=(MEDIA + "test_depth.py::test_transparency_stays",),
        ),
        Fault(
            fault="interlaced video",
            done="read as it is",
            seen="a note",
            tests=(MEDIA + "test_look.py::test_interlaced_note",),
        ),
        Fault(
            fault="several streams, cover art",
            done="the first moving pictures are taken, sound and subtitles all copied",
            seen="a note about what is left out",
            tests=(
                MEDIA + "test_companions.py::test_a_film_with_everything",
                MEDIA + "test_bad_files.py::test_cover_art_is_not_the_video",
            ),
        ),
        Fault(
            fault="sound that the container can't hold",
            done="encoded again",
            seen="a note with both codecs",
            tests=(MEDIA + "test_sound.py::test_sound_that_does_not_fit_becomes_aac",),
        ),
        Fault(
            fault="a cut within a window",
            done="light isn't carried across it",
            seen="nothing",
            tests=(
                ENGINE + "test_keyframes.py::test_a_cut_ends_a_scene_and_motion_does_not",
                ENGINE + "test_keyframes.py::test_every_scene_has_some",
            ),
        ),
        Fault(
            fault="playlists and protocols under a video's name (ffconcat, HLS, http:)",
            done="refused by a list of formats; no second file is opened",
            seen="not a video that can be read",
            make=made.playlist,
            words="not a video",
            tests=(MEDIA + "test_bad_files.py::test_playlists_are_refused_and_open_nothing",),
        ),
        Fault(
            fault="a decoder that hangs or takes all memory",
            done="with --untrusted, a process reads the file first, and is killed at its limits",
            seen="the limit that was reached",
            tests=("tests/engine/test_untrusted.py::test_a_reader_that_hangs_is_killed",),
        ),
        Fault(
            fault="strange names: unicode, spaces, %d, a leading dash, 255 bytes, not UTF-8",
            done="work; too long ones are refused before the run",
            seen="nothing, or what to shorten",
            make=made.long_name,
            words="shorten",
            tests=(
                MEDIA + "test_bad_files.py::test_device_and_strange_names",
                "tests/faults/test_faults.py::test_names_that_are_no_text",
            ),
        ),
        Fault(
            fault="output is the input; FIFO, /dev/zero",
            done="refused",
            seen="the input itself; not a regular file",
            make=made.onto_itself,
            words="input itself",
            tests=(
                ENGINE + "batch/test_batch.py::test_failures_are_tried_again_told_and_stop_nothing",
            ),
        ),
        Fault(
            fault="an input that changes or goes away during the run",
            done="no output; finished chunks are kept",
            seen="IN has changed during the run",
            tests=(
                ENGINE + "test_damaged.py::"
                "test_an_input_that_changes_during_the_run_gives_no_output",
            ),
        ),
    ),
    "Settings": (
        Fault(
            fault="numbers out of range: steps 0, strength 1.5, NaN, negative seeds; true for one",
            done="refused before a model is loaded",
            seen="the setting, what it should be, what it was",
            make=made.wrong_number,
            words="steps should be",
        ),
        Fault(
            fault="empty prompt, long prompt, other languages, emoji",
            done="empty is refused; long ones are read whole; words are translated",
            seen="prompt is empty; a note about words read as others",
            make=made.empty_prompt,
            words="prompt is empty",
            tests=("tests/lights/test_words.py::test_light_words_of_other_languages_are_read",),
        ),
        Fault(
            fault="a reference or light picture that doesn't fit",
            done="refused, or registered to its frame",
            seen="the file and the reason",
            make=made.wrong_light,
            words="nothing.png",
            tests=(ENGINE + "test_lighting.py::test_a_wrong_reference_is_one_clear_line",),
        ),
        Fault(
            fault="pictures of other shapes, CMYK, 16 bits, turned by EXIF",
            done="converted",
            seen="nothing",
            tests=(
                MEDIA + "test_stills.py::test_transparent_grey_deep_cmyk_and_profiled_stills",
                MEDIA + "test_references.py::test_turned_upright",
            ),
        ),
        Fault(
            fault="an enlargement that can't be: smaller than the source, too large for memory",
            done="refused before a model is loaded",
            seen="the size and the memory it would take",
            make=made.too_small,
            words="not larger",
            tests=(
                CLI
                + "test_upscale.py::test_too_large_a_result_is_refused_before_a_model_is_loaded",
            ),
        ),
        Fault(
            fault="unknown keys, double keys, aliases, deep nesting or size in a job file",
            done="refused; files and values in messages are bounded",
            seen="the key, and what there is",
            make=made.alias_bomb,
            words="aliases",
            tests=("tests/jobs/test_reading.py::test_what_is_no_plain_data_is_one_short_line",),
        ),
    ),
    "Resources": (
        Fault(
            fault="out of memory in a step",
            done="half the frames at a time, then one and tiles, then half precision; kept for "
            "later "
            "chunks; after that an error, and the next job works",
            seen="a note of what has changed; or one line with the settings to use",
            tests=(
                ENGINE + "test_guard.py::test_fewer_frames_at_a_time_then_fit_and_stay",
                ENGINE + "test_guard.py::test_three_ways_are_tried_then_one_line_says_what_to_do",
            ),
        ),
        Fault(
            fault="out of memory in the VAE at the end",
            done="the same: the VAE works in slices and tiles; earlier chunks are kept",
            seen="a note",
            tests=(
                ENGINE + "test_guard.py::"
                "test_the_next_job_after_a_failed_one_works_and_vae_settings_are_put_back",
            ),
        ),
        Fault(
            fault="a limit on memory (ulimit -v, a container)",
            done="counted before the run; running into it is told as memory",
            seen="out of memory: ...",
            tests=(
                "tests/diffusion/test_memory.py::test_a_limit_on_the_address_space_leaves_less_memory",
                ENGINE + "test_guard.py::test_memory_is_named_whoever_ran_out_of_it",
            ),
        ),
        Fault(
            fault="a full disk, a quota, a read-only or vanished folder",
            done="checked before the run; during it, the run ends, nothing stray stays, and the "
            "same "
            "command goes on later",
            seen="how much is needed and free; or the system's reason",
            tests=(
                ENGINE + "test_space.py::test_a_disk_too_small_is_refused_before_any_work",
                ENGINE + "test_space.py::"
                "test_a_disk_that_fills_up_during_the_run_is_told_and_the_run_goes_on_later",
                ENGINE + "test_space.py::test_a_read_only_and_a_vanished_folder_are_named",
            ),
        ),
        Fault(
            fault="no GPU, or one that can't be used",
            done="the CPU is taken for auto; else refused",
            seen="why the model was chosen; the device 'cuda:7' can't be used",
            make=made.no_device,
            words="can't be used",
        ),
        Fault(
            fault="a GPU that disappears, sticky CUDA errors",
            done="a worker process that dies is replaced and its job tried again",
            seen="retrying: the worker process ... ended with exit code ...",
            tests=(
                ENGINE + "batch/test_batch.py::"
                "test_a_worker_that_is_killed_is_replaced_and_its_job_tried_again",
            ),
            untested="the error itself: no GPU at hand; the death of the worker is tested",
        ),
        Fault(
            fault="NaN, infinity, black frames",
            done="found in each chunk; computed again in float32; never written",
            seen="a note; or the model's part that gave no numbers",
            tests=(
                ENGINE + "test_guard.py::"
                "test_no_numbers_anywhere_are_an_error_and_never_a_black_clip",
                ENGINE + "test_guard.py::"
                "test_a_half_precision_that_overflows_is_computed_in_float32",
            ),
        ),
    ),
    "Lifecycle": (
        Fault(
            fault="SIGINT, SIGTERM, SIGHUP, SIGKILL at any moment",
            done="no output, or the whole; the same command goes on, to the same file",
            seen="interrupted, and the command to resume; exit codes 130, 143, 129",
            tests=(
                CLI + "test_signals.py::test_a_run_that_is_interrupted_names_the_command_to_resume",
                ENGINE + "test_resume.py::test_twenty_kills_at_random_moments_change_nothing",
            ),
        ),
        Fault(
            fault="resuming with another setting, model or input",
            done="starts afresh",
            seen="starting afresh: what has changed",
            tests=(ENGINE + "test_resume.py::test_a_changed_setting_starts_afresh_and_is_named",),
        ),
        Fault(
            fault="two runs of one output",
            done="the second is refused",
            seen="another run is writing this output",
            tests=(ENGINE + "test_resume.py::test_a_second_run_of_one_output_is_refused",),
        ),
        Fault(
            fault="studio: cancel, closed tab, two users, restart",
            done="the job ends at its next step; nobody sees another's files",
            seen="cancelled",
            tests=(
                UI + "test_store.py::test_cancel_ends_a_run_and_leaves_nothing",
                UI + "test_store.py::test_nobody_else_can_see_or_stop_a_run",
            ),
        ),
        Fault(
            fault="a download that breaks off",
            done="is not taken for a model; the next one fetches the rest",
            seen="what is missing, and the command",
            tests=(
                "tests/models/test_hub.py::"
                "test_a_download_that_broke_off_is_not_here_and_only_the_rest_is_fetched",
            ),
        ),
        Fault(
            fault="no network, weights missing or damaged, refused by the hub",
            done="refused",
            seen="the repository, the file, the command",
            make=made.no_weights,
            words="relight models download wan",
        ),
        Fault(
            fault="pickles, wrong shapes, header bombs, remote code in a model's folder",
            done="only safetensors are read; nothing is executed",
            seen="what is wrong with which file",
            tests=(
                "tests/models/test_loader.py::test_pickles_are_never_read",
                "tests/models/test_loader.py::test_damaged_weights_are_one_line",
            ),
        ),
    ),
    "Service": (
        Fault(
            fault="uploads too large, too many, too slow",
            done="cut off; the queue is bounded",
            seen="413, 429",
            tests=(
                UI + "test_safety.py::test_an_upload_that_is_too_large_is_cut_off",
                UI + "test_api.py::test_fifty_calls_at_once_are_bounded_and_answered",
            ),
        ),
        Fault(
            fault="paths and addresses in what a browser sends",
            done="refused; nothing is fetched or served",
            seen="400, 403",
            tests=(
                UI + "test_safety.py::test_no_file_of_the_server_is_served",
                UI + "test_safety.py::test_addresses_are_never_followed",
            ),
        ),
        Fault(
            fault="HTML and scripts in prompts, names and errors",
            done="escaped",
            seen="the text itself",
            tests=(UI + "test_browser.py::test_scripts_in_prompts_and_names_are_text",),
        ),
        Fault(
            fault="calls with wrong arguments",
            done="refused before they queue",
            seen="the setting and its range",
            tests=(UI + "test_safety.py::test_bad_values_are_refused_before_they_queue",),
        ),
        Fault(
            fault="a worker killed in a batch",
            done="replaced; its job is tried again up to --retries times",
            seen="retrying, and in the end the table; exit code 1 if some have failed",
            tests=(
                ENGINE + "batch/test_batch.py::"
                "test_a_worker_that_is_killed_is_replaced_and_its_job_tried_again",
            ),
        ),
        Fault(
            fault="clocks that jump, several machines on one folder",
            done="no times are compared; records are appended, files renamed whole",
            seen="nothing",
            tests=(
                ENGINE + "batch/test_records.py::test_what_another_process_has_done_is_known",
                ENGINE + "batch/test_records.py::test_a_key_is_the_content_and_the_settings",
            ),
        ),
    ),
}
