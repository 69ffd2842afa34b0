"""Shared training plumbing: worker processes, gradient averaging, schedule, EMA, checkpoints."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

log = logging.getLogger("mini")


def launch(worker: Callable, processes: int, *args) -> None:
    """Run `worker(rank, world, *args)` in `processes` gloo workers (or here, when it is one)."""
    if processes == 1:
        _entry(0, worker, 1, 0, args)
    else:
        port = 20000 + os.getpid() % 20000
        mp.spawn(_entry, (worker, processes, port, args), nprocs=processes)


def _entry(rank: int, worker: Callable, world: int, port: int, args: tuple) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.manual_seed(1234 + rank)
    if world > 1:
        torch.set_num_threads(1)
        address = f"tcp://127.0.0.1:{port}"
        dist.init_process_group("gloo", init_method=address, rank=rank, world_size=world)
    worker(rank, world, *args)
    if world > 1:
        dist.destroy_process_group()


def device() -> torch.device:
    """The accelerator where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def orthogonal(matrix: torch.Tensor, steps: int = 4) -> torch.Tensor:
    """Roughly the nearest orthogonal matrix (Newton-Schulz, as in the Muon optimiser)."""
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + torch.addmm(square, square, square, beta=-4.775, alpha=2.0315) @ x
    return x if wide else x.T


class Muon:
    """Momentum, orthogonalised per weight matrix: all directions of a layer learn alike.

    The work is shared out over the workers. Step size as if it were Adam's (root mean square 0.2).
    """

    def __init__(self, params: list[torch.nn.Parameter], rank: int, world: int):
        self.params, self.rank, self.world = params, rank, world
        self.momentum = [torch.zeros_like(p) for p in params]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        updates = []
        for i, (p, m) in enumerate(zip(self.params, self.momentum, strict=True)):
            m.lerp_(p.grad, 0.05)
            if i % self.world != self.rank:
                updates.append(torch.zeros_like(p))
                continue
            matrix = (0.05 * p.grad + 0.95 * m).flatten(1)
            scale = 0.2 * max(matrix.shape) ** 0.5
            updates.append((orthogonal(matrix) * scale).view_as(p))
        if self.world > 1:
            flat = torch.cat([u.flatten() for u in updates])
            dist.all_reduce(flat)
            parts = flat.split([p.numel() for p in self.params])
            updates = [part.view_as(p) for part, p in zip(parts, self.params, strict=True)]
        torch._foreach_add_(self.params, updates, alpha=-rate)


def split_matrices(module: torch.nn.Module) -> tuple[list, list]:
    """Weights for Muon (inner matrices and convolutions) and the rest, for AdamW."""
    matrices, rest = [], []
    for name, p in module.named_parameters():
        inner = not name.startswith(("conv_in", "conv_out", "time_emb"))
        big = p.ndim >= 2 and min(p.shape[0], p[0].numel()) >= 32
        (matrices if inner and big else rest).append(p)
    return matrices, rest


class Trainer:
    """AdamW with clipping, cosine decay over wall-clock minutes, EMA and resumable checkpoints.

    `groups` is a list of (parameters, learning rate). `modules` are saved by name, raw and EMA.
    `matrices` are trained by Muon at `matrix_rate` instead.
    """

    def __init__(
        self,
        modules: dict[str, torch.nn.Module],
        groups: list[tuple[Iterable[torch.nn.Parameter], float]],
        minutes: float,
        folder: Path,
        rank: int = 0,
        world: int = 1,
        warmup: int = 50,
        ema: float = 0.997,
        matrices: list[torch.nn.Parameter] | None = None,
        matrix_rate: float = 1e-3,
    ):
        self.modules, self.minutes, self.folder = modules, minutes, Path(folder)
        self.rank, self.world, self.warmup, self.ema = rank, world, warmup, ema
        groups = [(list(params), rate) for params, rate in groups]
        self.muon = Muon(matrices, rank, world) if matrices else None
        self.matrix_rate = matrix_rate
        self.params = [p for params, _ in groups for p in params] + (matrices or [])
        self.rates = [rate for _, rate in groups]
        self.optimizer = torch.optim.AdamW(
            [{"params": params, "lr": rate} for params, rate in groups],
            betas=(0.9, 0.98),
            weight_decay=1e-4,
            foreach=True,
        )
        self.shadow = {
            name: {k: v.detach().clone() for k, v in module.state_dict().items()}
            for name, module in modules.items()
        }
        self.step, self.spent, self.tick, self.saved = 0, 0.0, time.monotonic(), time.monotonic()
        self.sums: dict[str, list[float]] = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        if world > 1:
            for p in self.params:
                dist.broadcast(p.data, 0)

    @property
    def progress(self) -> float:
        """Share of the minutes that is used up, the same number in every worker."""
        return min(1.0, self.spent / (60 * self.minutes))

    def update(self, loss: torch.Tensor) -> None:
        """One optimiser step: average the gradients over workers, clip, step, EMA, clock."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.params]
        now = time.monotonic()
        flat = torch.cat([g.reshape(-1) for g in grads] + [grads[0].new_tensor([now - self.tick])])
        self.tick = now
        if self.world > 1:
            dist.all_reduce(flat)
            flat /= self.world
        self.spent += float(flat[-1])
        offset = 0
        for p in self.params:
            p.grad = flat[offset : offset + p.numel()].view_as(p)
            offset += p.numel()
        norm = torch.nn.utils.clip_grad_norm_(self.params, 1.0)
        scale = min(1.0, (self.step + 1) / self.warmup)
        scale *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * scale
        self.step += 1
        if torch.isfinite(norm):
            self.optimizer.step()
            if self.muon:
                self.muon.step(self.matrix_rate * scale)
        decay = min(self.ema, self.step / (self.step + 20))
        for name, module in self.modules.items():
            state = module.state_dict()
            keys = [k for k, v in state.items() if v.is_floating_point()]
            torch._foreach_lerp_(
                [self.shadow[name][k] for k in keys], [state[k].detach() for k in keys], 1 - decay
            )
        self.note(norm=float(norm))

    def note(self, **values: float) -> None:
        """Collect running means for the log."""
        for key, value in values.items():
            entry = self.sums.setdefault(key, [0.0, 0])
            entry[0] += value
            entry[1] += 1

    def report(self, every: int) -> None:
        """Log the running means each `every` steps, and checkpoint each three minutes."""
        if self.rank:
            return
        if self.step % every == 0:
            text = " ".join(f"{k} {s / max(n, 1):.4f}" for k, (s, n) in sorted(self.sums.items()))
            log.info("step %d %.1f min  %s", self.step, self.spent / 60, text)
            self.sums.clear()
        if time.monotonic() - self.saved > 180:
            self.save()

    def save(self) -> None:
        """Write state.pt (to resume) atomically."""
        if self.rank:
            return
        self.saved = time.monotonic()
        state = {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "ema": self.shadow,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent": self.spent,
            "momentum": self.muon.momentum if self.muon else [],
        }
        temporary = self.folder / "state.tmp"
        torch.save(state, temporary)
        temporary.replace(self.folder / "state.pt")
        info = {"step": self.step, "minutes": round(self.spent / 60, 2)}
        (self.folder / "progress.json").write_text(json.dumps(info))

    def begin(self, states: dict[str, dict[str, torch.Tensor]]) -> None:
        """Start from these weights, by module name; the schedule and the averages start anew."""
        for name, module in self.modules.items():
            module.load_state_dict(states[name])
            self.shadow[name] = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def resume(self) -> bool:
        """Continue from state.pt if it is there."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.params[0].device, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        self.shadow = state["ema"]
        self.optimizer.load_state_dict(state["optimizer"])
        if self.muon:
            for own, saved in zip(self.muon.momentum, state["momentum"], strict=True):
                own.copy_(saved)
        self.step, self.spent = state["step"], state["spent"]
        return True


def load_ema(folder: Path, name: str, module: torch.nn.Module) -> torch.nn.Module:
    """The averaged weights of one module of a training run."""
    state = torch.load(Path(folder) / "state.pt", map_location="cpu", weights_only=True)
    module.load_state_dict(state["ema"][name])
    return module
