"""How long a report takes to write, how large it is, and how long a browser takes to open it from its file.

Ten runs of 2,000 samples by default, made up, a twentieth of the predictions missing in one of them. It is opened in
Debian's chromium, headless, a new context each time, as a file URL; what is measured is the browser's own: from the
start of the navigation to the end of the load event, by when the script has drawn every chart.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from hpe_bench.comparison.report.build import gather
from hpe_bench.comparison.report.page import report_page
from hpe_bench.pose import rotation_about, rotation_from_euler
from hpe_bench.runs.runfile import Run

_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def made_up_runs(runs: int, samples: int) -> list[Run]:
    rng = np.random.default_rng(0)
    euler = rng.normal(0, (35, 15, 15), (samples, 3)).clip(-99, 99)
    truth = rotation_from_euler(euler)
    found = []
    for number in range(runs):
        size = 4.0 + 0.1 * number
        turns = (rotation_about(axis, rng.normal(0, size, samples)) for axis in ("x", "y", "z"))
        x, y, z = turns
        prediction = truth @ x @ y @ z
        if number == 1:
            prediction[: samples // 20] = np.nan
        found.append(
            Run(
                path=Path(f"results/made-up-{number}.h5"),
                manifest=_manifest(f"made-up:number={number}"),
                ids=np.array([f"image{place:05d}" for place in range(samples)]),
                person=np.full(samples, ""),
                sequence=np.full(samples, ""),
                truth=truth,
                euler=euler,
                prediction=prediction,
                confidence=rng.uniform(size=samples),
                seconds=np.zeros((samples, 3)),
            )
        )
    return found


def _manifest(label: str) -> dict[str, object]:
    return {
        "label": label,
        "estimator": label,
        "options": {},
        "overrides": {},
        "plugin": {"name": "made up", "distribution": "none", "version": "0"},
        "weights": {},
        "inputs": {"crop": None, "extractor": None},
        "crop": None,
        "device": "cpu",
        "started": "2026-01-01T00:00:00+00:00",
        "seed": 0,
        "dataset": {"name": "made-up", "fingerprint": "0" * 64, "variant": {}, "n_protocol": 2000, "limit": None},
        "protocol": {"name": "made-up/all", "digest": "0" * 64, "expected": None, "headline": "mae"},
    }


def open_times(path: Path, repeats: int) -> list[float]:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise SystemExit("no chromium here: apt-get install chromium")
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(repeats):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(path.as_uri())
            times.append(page.evaluate(_LOADED) / 1000)
            assert page.locator("#chart-angles circle, #chart-angles path").count() > 3
            context.close()
        browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    runs = made_up_runs(given.runs, given.samples)
    started, spent = time.perf_counter(), time.process_time()
    content = gather(runs, [], [], view="all", wrap="wrap360", metrics={}, worst=8, dataset=None)
    page = report_page(content).encode()
    took, worked = time.perf_counter() - started, time.process_time() - spent
    print(f"{given.runs} runs of {given.samples:,} samples")
    print(f"written in {took:.1f} s ({worked:.1f} s of processor time), {len(page) / 1e6:.2f} MB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_bytes(page)
        times = open_times(path, given.repeats)
    print(f"opened in {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f}, {given.repeats} times)")


if __name__ == "__main__":
    main()
