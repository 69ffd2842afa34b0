#!/bin/bash
# A batch on a Slurm cluster: sbatch examples/cluster/slurm.sh
# Each task does its share; they share the folder of outputs and need nothing else, no lock and no
# server. A task that was stopped is requeued, and does what is left.
#SBATCH --job-name=relight
#SBATCH --array=0-7
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=48G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --output=logs/relight-%A-%a.log
set -euo pipefail

IN=${IN:-$SCRATCH/clips}
OUT=${OUT:-$SCRATCH/relit}

# `exec`, so that the signal before the time limit reaches relight, which then ends in order.
exec relight batch "$IN" -o "$OUT" \
    --job examples/jobs/sunset.yaml \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --report "$OUT/reports/shard-$SLURM_ARRAY_TASK_ID.jsonl" \
    --retries 2
