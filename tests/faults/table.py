"""The faults that can happen to a run: what is done about each, and what the user sees.

`docs/faults.md` is made from this table: python -m tests.faults.page
"""

from __future__ import annotations

from collections.abc import Callable

from tests.faults import made


class Fault:
    """One fault.

    Attributes:
        fault: what goes wrong. done: what Relight does. seen: what the user is told.
        tests: names of the tests that make it, wherever they are.
        make: makes it for real, and returns what was said; `words` must be in it.
        untested: why not.
    """

    def __init__(
        self,
        fault: str,
        done: str,
        seen: str,
        *tests: str,
        make: Callable[[made.Place], made.Told] | None = None,
        words: str = "",
        untested: str = "",
    ) -> None:
        self.fault, self.done, self.seen, self.tests = fault, done, seen, tests
        self.make, self.words, self.untested = make, words, untested


FAULTS: dict[str, tuple[Fault, ...]] = {
    "Media in": (
        Fault(
            "missing path, a folder, no permission",
            "refused before anything is loaded",
            "the path and the reason",
            "test_bad_files_say_so_in_one_line",
            make=made.missing,
            words="No such file",
        ),
        Fault(
            "empty file",
            "refused",
            "the file is empty (0 bytes)",
            make=made.empty,
            words="empty",
        ),
        Fault(
            "random bytes called .mp4",
            "refused",
            "not a video or picture that can be read, or damaged",
            make=made.random_bytes,
            words="not a video",
        ),
        Fault(
            "MP4 cut short before its index",
            "refused",
            "incomplete file, its index (moov atom) is missing",
            make=made.without_index,
            words="moov",
        ),
        Fault(
            "MP4 cut short after its index",
            "what can be decoded is done; with --strict the run fails",
            "a note, also in sidecar, JSON, report and under the studio's result: the file is cut "
            "short: 6 of 10 frames",
            "test_a_clip_cut_short_is_noted_wherever_the_run_is_told_and_refused_if_strict",
            "test_notes_of_a_run_are_kept_with_its_result_in_the_visitors_words",
        ),
        Fault(
            "damaged packets in the middle",
            "skipped and counted, up to 5 %",
            "a note with their number; above 5 % an error",
            "test_damaged_packets_are_skipped_and_counted",
            "test_too_much_damage_stops",
        ),
        Fault(
            "sound only; SVG, PDF or zip under a video's name",
            "refused",
            "no video stream, or not a video or picture that can be read",
            "test_bad_files_say_so_in_one_line",
            make=made.text,
            words="not a video",
        ),
        Fault(
            "a picture given as a video",
            "a clip of one frame",
            "the note: a single image",
            make=made.picture,
            words="a single image",
        ),
        Fault(
            "GIF, animated WebP and PNG",
            "each frame's own duration is kept",
            "nothing",
            "test_animations_keep_times_and_repeats",
        ),
        Fault(
            "one frame, two frames, fewer than a window",
            "one short window",
            "nothing",
            "test_very_short",
            "test_a_still_image_is_a_clip_of_one_frame",
        ),
        Fault(
            "declared number of frames missing or wrong",
            "frames are counted in a first pass; headers are never trusted",
            "nothing",
            "test_webm_with_unknown_frame_count",
        ),
        Fault(
            "variable frame rate",
            "time stamps are kept",
            "nothing",
            "test_variable_frame_rate_is_kept",
        ),
        Fault(
            "negative, double and missing time stamps, edit lists",
            "times rise and begin at 0; sound stays in sync",
            "nothing",
            "test_equal_and_backward_stamps_become_rising",
            "test_start_other_than_zero_is_rebased",
        ),
        Fault(
            "rotated and mirrored by a tag",
            "pixels are turned upright, the tag is dropped",
            "a note with the angle",
            "test_rotation_and_mirroring",
        ),
        Fault(
            "pixels that aren't square",
            "made square",
            "a note",
            "test_pixel_aspect",
        ),
        Fault(
            "odd sides, 1 pixel wide, smaller than a model's grid",
            "padded for the model and cut again: exactly the source's size",
            "a note where a video is written as 4:4:4 for it",
            "test_tiny_and_odd_sizes_come_back_exactly",
            "test_odd_sizes_are_exact",
            "test_an_odd_side_that_few_players_show_is_said",
        ),
        Fault(
            "huge declared size, pixel bombs",
            "refused before decoding; animations by frames times pixels",
            "the size and the limit: 64 megapixels, 4 gigapixels in all frames",
            "test_too_large_is_refused_before_decoding",
            make=made.pixel_bomb,
            words="gigapixels",
        ),
        Fault(
            "ten hours of video",
            "--dry-run gives time and disk; the disk is checked; memory doesn't grow",
            "the estimate",
            "test_time_is_estimated_from_the_last_runs",
            "test_memory_is_a_few_frames",
        ),
        Fault(
            "HDR and 10-bit video",
            "10 bits are read at 16; HDR is refused without --tonemap",
            "HDR (...): add --tonemap to map it to SDR",
            "test_hdr_is_refused",
        ),
        Fault(
            "full or limited range, BT.601, 709, 2020, no tag",
            "tags are honoured, HD without one is BT.709; outputs are tagged",
            "nothing",
            "test_colour_tags_are_honoured",
            "test_generations_do_not_drift",
        ),
        Fault(
            "transparency",
            "kept where the output can hold it, else laid over a colour",
            "a note where it is lost",
            "test_transparency_stays",
        ),
        Fault(
            "interlaced video",
            "read as it is",
            "a note",
            "test_interlaced_note",
        ),
        Fault(
            "several streams, cover art",
            "the first moving pictures are taken, sound and subtitles all copied",
            "a note about what is left out",
            "test_a_film_with_everything",
            "test_cover_art_is_not_the_video",
        ),
        Fault(
            "sound that the container can't hold",
            "encoded again",
            "a note with both codecs",
            "test_sound_that_does_not_fit_becomes_aac",
        ),
        Fault(
            "a cut within a window",
            "light isn't carried across it",
            "nothing",
            "test_a_cut_ends_a_scene_and_motion_does_not",
            "test_every_scene_has_one_and_a_frame_of_its_own_too",
        ),
        Fault(
            "playlists and protocols under a video's name (ffconcat, HLS, http:)",
            "refused by a list of formats; no second file is opened",
            "not a video or picture that can be read",
            "test_playlists_are_refused_and_open_nothing",
            make=made.playlist,
            words="not a video",
        ),
        Fault(
            "a decoder that hangs or takes all memory",
            "with --untrusted, and in the studio, a process that can be killed reads it first",
            "the limit that was reached",
            "test_a_reader_that_hangs_is_killed",
            "test_a_run_reads_its_clip_first_where_a_decoder_that_hangs_is_killed",
        ),
        Fault(
            "strange names: unicode, spaces, %d, a leading dash, 255 bytes, not UTF-8",
            "work; too long ones are refused before the run",
            "nothing, or what to shorten",
            "test_device_and_strange_names",
            "test_names_that_are_no_text",
            "test_names_that_are_no_text_work",
            make=made.long_name,
            words="shorten",
        ),
        Fault(
            "output is the input; FIFO, /dev/zero",
            "refused",
            "the input itself; not a regular file",
            "test_failures_are_tried_again_told_and_stop_nothing",
            make=made.onto_itself,
            words="input itself",
        ),
        Fault(
            "an input that changes or goes away during the run",
            "no output; finished chunks are kept",
            "IN has changed during the run",
            "test_an_input_that_changes_during_the_run_gives_no_output",
        ),
    ),
    "Settings": (
        Fault(
            "numbers out of range: steps 0, strength 1.5, NaN, negative seeds; true for one",
            "refused before a model is loaded",
            "the setting, what it should be, what it was",
            make=made.wrong_number,
            words="steps should be",
        ),
        Fault(
            "empty prompt, long prompt, other languages, emoji",
            "empty is refused; long ones are read whole; words are translated",
            "prompt is empty; a note about words read as others",
            "test_light_words_of_other_languages_are_read",
            make=made.empty_prompt,
            words="prompt is empty",
        ),
        Fault(
            "a reference or light picture that doesn't fit",
            "refused, or registered to its frame",
            "the file and the reason",
            "test_a_wrong_reference_is_one_clear_line",
            make=made.wrong_light,
            words="nothing.png",
        ),
        Fault(
            "pictures of other shapes, CMYK, 16 bits, turned by EXIF",
            "converted",
            "nothing",
            "test_transparent_grey_deep_cmyk_and_profiled_stills",
            "test_turned_upright",
        ),
        Fault(
            "an enlargement that can't be: smaller than the source, too large for memory",
            "refused before a model is loaded",
            "the size and the memory it would take",
            "test_too_large_a_result_is_refused_before_a_model_is_loaded",
            make=made.too_small,
            words="not larger",
        ),
        Fault(
            "unknown keys, double keys, aliases, deep nesting or size in a job file",
            "refused; files and values in messages are bounded",
            "the key, and what there is",
            "test_what_is_no_plain_data_is_one_short_line",
            make=made.alias_bomb,
            words="aliases",
        ),
    ),
    "Resources": (
        Fault(
            "out of memory in a step",
            (
                "half the frames at a time, then one and tiles, then half precision; kept for "
                "later chunks; after that an error, and the next job works"
            ),
            "a note of what has changed; or one line with the settings to use",
            "test_fewer_frames_at_a_time_then_fit_and_stay",
            "test_three_ways_are_tried_then_one_line_says_what_to_do",
            "test_memory_is_back_at_the_baseline_after_running_out_and_the_next_job_works",
        ),
        Fault(
            "out of memory in the VAE at the end",
            "the same: the VAE works in slices and tiles; earlier chunks are kept",
            "a note",
            "test_the_next_job_after_a_failed_one_works_and_vae_settings_are_put_back",
        ),
        Fault(
            "a limit on memory (ulimit -v, a container)",
            "counted before the run; running into it is reported as out of memory",
            "out of memory: ...",
            "test_a_limit_on_the_address_space_leaves_less_memory",
            "test_memory_is_named_whoever_ran_out_of_it",
        ),
        Fault(
            "a full disk, a quota, a read-only or vanished folder",
            (
                "checked before the run; during it, the run ends, nothing stray stays, and the "
                "same command goes on later"
            ),
            "how much is needed and free; or the system's reason",
            "test_a_disk_too_small_is_refused_before_any_work",
            "test_a_disk_that_fills_up_during_the_run_is_told_and_the_run_goes_on_later",
            "test_a_batch_with_everything_wrong_is_finished_by_a_second_run",
            "test_a_read_only_and_a_vanished_folder_are_named",
        ),
        Fault(
            "no GPU, or one that can't be used",
            "the CPU is taken for auto; else refused",
            "why the model was chosen; the device 'cuda:7' can't be used",
            make=made.no_device,
            words="can't be used",
        ),
        Fault(
            "a GPU that disappears, sticky CUDA errors",
            "a worker process that dies is replaced and its job tried again",
            "retrying: the worker process ... ended with exit code ...",
            "test_a_worker_that_is_killed_is_replaced_and_its_job_tried_again",
            untested="the error itself: no GPU at hand; the death of the worker is tested",
        ),
        Fault(
            "NaN, infinity, black frames",
            "found in each chunk; computed again in float32; never written",
            "a note; or the model's part that gave no numbers",
            "test_no_numbers_anywhere_are_an_error_and_never_a_black_clip",
            "test_a_half_precision_that_overflows_is_computed_in_float32",
        ),
    ),
    "Lifecycle": (
        Fault(
            "SIGINT, SIGTERM, SIGHUP, SIGKILL at any moment",
            "no output, or the whole; the same command goes on, to the same file",
            "interrupted, and the command to resume; exit codes 130, 143, 129",
            "test_a_run_that_is_interrupted_names_the_command_to_resume",
            "test_five_kills_at_random_moments_change_nothing",
        ),
        Fault(
            "resuming with another setting, model or input",
            "starts afresh",
            "starting afresh: what has changed",
            "test_a_changed_setting_starts_afresh_and_is_named",
        ),
        Fault(
            "two runs of one output",
            "the second is refused",
            "another run is writing this output",
            "test_a_second_run_of_one_output_is_refused",
        ),
        Fault(
            "studio: cancel, closed tab, two users, restart",
            "the job ends at its next step; nobody sees another's files",
            "cancelled",
            "test_cancel_ends_a_run_and_leaves_nothing",
            "test_nobody_else_can_see_or_stop_a_run",
        ),
        Fault(
            "a download that breaks off",
            "is not taken for a model; the next one fetches the rest",
            "what is missing, and the command",
            "test_a_download_that_broke_off_is_not_here_and_only_the_rest_is_fetched",
        ),
        Fault(
            "no network, weights missing or damaged, refused by the hub",
            "refused",
            "the repository, the file, the command",
            make=made.no_weights,
            words="relight models download wan",
        ),
        Fault(
            "pickles, wrong shapes, header bombs, remote code in a model's folder",
            "only safetensors are read; nothing is executed",
            "what is wrong with which file",
            "test_pickles_are_never_read",
            "test_damaged_weights_are_one_line",
        ),
    ),
    "Service": (
        Fault(
            "uploads too large, too many, too slow",
            "cut off; the queue is bounded",
            "413, 429",
            "test_an_upload_that_is_too_large_is_cut_off",
            "test_fifty_calls_at_once_are_bounded_and_answered",
        ),
        Fault(
            "paths and addresses in what a browser sends",
            "refused; nothing is fetched or served",
            "400, 403",
            "test_no_file_of_the_server_is_served",
            "test_addresses_are_never_followed",
        ),
        Fault(
            "HTML and scripts in prompts, names and errors",
            "escaped",
            "the text itself",
            "test_scripts_in_prompts_and_names_are_text",
        ),
        Fault(
            "calls with wrong arguments",
            "refused before they queue",
            "the setting and its range",
            "test_bad_values_are_refused_before_they_queue",
        ),
        Fault(
            "a worker killed in a batch",
            "replaced; its job is tried again up to --retries times",
            "retrying, and in the end the table; exit code 1 if some have failed",
            "test_a_worker_that_is_killed_is_replaced_and_its_job_tried_again",
        ),
        Fault(
            "clocks that jump, several machines on one folder",
            "no times are compared; records are appended, files renamed whole",
            "nothing",
            "test_what_another_process_has_done_is_known",
            "test_a_key_is_the_content_and_the_settings",
        ),
    ),
}
