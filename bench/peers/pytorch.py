"""The PyTorch worker of peer_cost: trains or runs the job's encoder as worker.h asks over standard input.

pytorch.py JOB            answer commands
pytorch.py JOB --fastest  print the formulation that is the fastest here, as JSON
pytorch.py JOB --export   write JOB/plain.onnx and JOB/attention.onnx
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any, Callable, ContextManager

import torch
import torch.nn.functional as F

from job import Job, learning_rate_at, read_job
from pytorch_encoder import Encoder, Formulation, Tensors, padded


class Trial:
    """One encoder with its optimizer, at some place in the list of batches."""

    def __init__(self, job: Job, how: Formulation) -> None:
        self.job = job
        self.how = how
        self.batches = [padded(batch) for batch in job.batches]
        self.start()

    def start(self) -> None:
        self.next = 0
        self.encoder = Encoder(self.job, self.how)
        self.logits: Callable[[Tensors], torch.Tensor] = self.eager
        if self.job.trains:
            self.optimizer = self.make_optimizer()
        elif self.how.graph == "frozen":
            self.logits = self.frozen()

    def reset(self) -> None:
        """Back to the initial weights and the first batch; forward passes change neither."""
        if self.job.trains:
            # First away with the old state: two at once would be a peak that no training has.
            del self.encoder, self.logits, self.optimizer
            self.start()

    def make_optimizer(self) -> torch.optim.Optimizer:
        matrices = [self.encoder.value(name) for name in self.encoder.matrices]
        vectors = [p for p in self.encoder.parameters() if p.ndim == 1]
        recipe = self.job.optimizer
        groups = [
            {"params": matrices, "weight_decay": recipe["weight_decay"]},
            {"params": vectors, "weight_decay": 0.0},
        ]
        betas = (recipe["beta1"], recipe["beta2"])
        foreach = self.how.optimizer == "foreach"
        return torch.optim.AdamW(groups, betas=betas, eps=recipe["epsilon"], foreach=foreach)

    def precision(self) -> ContextManager[Any]:
        if self.job.precision == "f32":
            return contextlib.nullcontext()
        autocast: ContextManager[Any] = torch.autocast("cpu", dtype=torch.bfloat16)
        return autocast

    def eager(self, batch: Tensors) -> torch.Tensor:
        with self.precision():
            return self.encoder(batch.tokens, batch.rows, batch.mask)

    def frozen(self) -> Callable[[Tensors], torch.Tensor]:
        with torch.no_grad():
            traced = torch.jit.trace(self.encoder.eval(), (self.batches[0].tokens,))
            module = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        return lambda batch: module(batch.tokens)

    def forward(self, batch: Tensors) -> torch.Tensor:
        with torch.inference_mode():
            return self.logits(batch)

    def step(self) -> torch.Tensor:
        """One training step on the next batch; its loss."""
        batch = self.batches[self.next % len(self.batches)]
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.logits(batch).float(), batch.labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), self.job.optimizer["clip_norm"])
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.job.optimizer, self.next)
        self.optimizer.step()
        self.next += 1
        return loss.detach()

    def call(self) -> None:
        if self.job.trains:
            self.step()
        else:
            self.forward(self.batches[0])

    def run(self, calls: int) -> int:
        """CPU nanoseconds of so many calls. A forward pass finds the caches as a pass leaves them."""
        if not self.job.trains:
            self.call()
        start = time.process_time_ns()
        for _ in range(calls):
            self.call()
        return time.process_time_ns() - start

    def score(self) -> tuple[int, int]:
        """Correct tokens of the scored sentences, and all."""
        correct = total = 0
        for sentences in self.job.scored:
            batch = padded(sentences)
            guesses = self.forward(batch).argmax(-1)
            correct += int((guesses == batch.labels).sum())
            total += len(batch.labels)
        return correct, total


def seconds_of(job: Job, formulations: list[Formulation]) -> list[float]:
    """CPU time of a call of each: the mean of the lower half, taken in turns after a first call
    that settles memory."""
    trials = [Trial(job, how) for how in formulations]
    times = [[cpu_seconds(trial.call)] for trial in trials]
    rounds = min(8, max(2, int(1 / times[0][0])))
    for _ in range(rounds):
        for trial, mine in zip(trials, times):
            mine.append(cpu_seconds(trial.call))
    return [fmean(sorted(mine[1:])[: rounds // 2]) for mine in times]


def cpu_seconds(call: Callable[[], None]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def fastest(job: Job) -> dict[str, Any]:
    """The fastest formulation, found by changing one choice after the other, and all that was tried."""
    best = Formulation().start(job)
    tried: dict[str, float] = {}
    for choice in range(len(best.others(job))):
        candidates = [best, *best.others(job)[choice]]
        seconds = dict(zip(candidates, seconds_of(job, candidates)))
        tried |= {str(how): round(1e3 * s, 3) for how, s in seconds.items()}
        best = min(seconds, key=lambda how: seconds[how])
    return {"formulation": asdict(best), "tried_ms": tried}


def ask_fastest(job_folder: str) -> dict[str, Any]:
    """In a process of its own: what is tried there does not count as this one's memory."""
    command = [sys.executable, __file__, job_folder, "--fastest"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def export(job: Job, folder: Path) -> None:
    """The encoder for batches of the first one's shape, as PyTorch writes it and with ONNX Runtime's
    attention operator, which its own optimiser does not find."""
    tokens = padded(job.batches[0]).tokens
    for name, attention in (("plain", "matmul"), ("attention", "onnx")):
        encoder = Encoder(job, Formulation(attention=attention, linear="matmul")).eval()
        torch.onnx.export(
            encoder,
            (tokens,),
            str(folder / f"{name}.onnx"),
            input_names=["tokens"],
            output_names=["logits"],
            opset_version=17,
            keep_initializers_as_inputs=False,
            custom_opsets={"com.microsoft": 1} if attention == "onnx" else None,
            operator_export_type=torch.onnx.OperatorExportTypes.ONNX_FALLTHROUGH,
        )


def status_bytes(key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return 1024 * int(found[1])


def blas() -> dict[str, str]:
    """Which BLAS is really loaded, and which kernels it has chosen."""
    maps = Path("/proc/self/maps").read_text()
    files = sorted(set(re.findall(r"\S*/lib\S*blas\S*", maps)))
    said = {"files": " ".join(files)}
    for file in files:
        library = ctypes.CDLL(file)
        if hasattr(library, "openblas_get_corename"):
            library.openblas_get_corename.restype = ctypes.c_char_p
            library.openblas_get_config.restype = ctypes.c_char_p
            said["core"] = library.openblas_get_corename().decode()
            said["config"] = library.openblas_get_config().decode()
    return said


def versions() -> dict[str, str]:
    onednn = re.search(r"MKL-DNN v(\S+)", torch.__config__.show())
    return {
        "pytorch": torch.__version__,
        "python": platform.python_version(),
        "onednn": onednn[1] if onednn else "none",
    }


TUNED_BY = re.compile("OMP_|MALLOC_|ATEN_|OPENBLAS_|GLIBC_TUNABLES")


def answer(trial: Trial, command: str, argument: str) -> str:
    if command == "run":
        return str(trial.run(int(argument)))
    if command == "losses":
        return " ".join(repr(float(trial.step())) for _ in range(int(argument)))
    if command == "outputs":
        trial.forward(trial.batches[0]).float().numpy().tofile(argument)
        return ""
    if command == "score":
        return "{} {}".format(*trial.score())
    if command == "reset":
        trial.reset()
        return ""
    if command == "memory":
        return str(status_bytes("VmHWM"))
    raise ValueError(f"no command '{command}'")


def main() -> None:
    torch.set_num_threads(1)
    loaded = status_bytes("VmHWM")
    folder = Path(sys.argv[1])
    job = read_job(folder)
    if "--fastest" in sys.argv:
        print(json.dumps(fastest(job)))
        return
    if "--export" in sys.argv:
        export(job, folder)
        return
    tuning = ask_fastest(sys.argv[1])
    trial = Trial(job, Formulation(**tuning["formulation"]))
    tuning["environment"] = {k: v for k, v in os.environ.items() if TUNED_BY.match(k)}
    tuning["threads"] = torch.get_num_threads()
    tuning["blas"] = blas()
    about = {"versions": versions(), "tuning": tuning, "loaded_bytes": loaded}
    print("ready", json.dumps(about), flush=True)
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        try:
            print(command, answer(trial, command, argument), flush=True)
        except Exception as error:  # whatever it is, who asks shall hear it
            print("error", " ".join(f"{type(error).__name__}: {error}".split()), flush=True)


if __name__ == "__main__":
    main()
