# mypy: warn-unused-ignores
"""What a type checker says of code that uses the API: `.ci/types` checks this file with the package, nothing runs it.

`assert_type` must hold, and each ignored error must be one: else the check of types fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import edgenas
from edgenas import LatencyEstimate, load_space, search
from edgenas.search import SearchResult


def right() -> None:
    """Calls that are right, and the types of what comes out."""
    network = edgenas.load_architecture("edgenas-compact-v1")
    assert_type(network, edgenas.Architecture)
    estimate: LatencyEstimate = edgenas.predict_latency(network, device="pixel4")
    assert_type(estimate.interval_ms, tuple[float, float])
    assert_type(edgenas.check("model.tflite").fully_mapped, bool)
    assert_type(edgenas.measure("model.tflite").latency_ms, float)
    assert_type(load_space("demo").cardinality(), int)
    found: SearchResult = edgenas.search(data=edgenas.DataRequest("rooms", frames=10), trials=2)
    same: SearchResult = search("demo", device=[edgenas.DeviceRequest(device="edgetpu", target_ms=4.0)])
    run = edgenas.load_run((found or same).run_dir)
    assert_type(run, edgenas.Run)
    assert_type(run.trials[0].quality, float | None)
    assert_type(edgenas.report(run), Path)
    try:
        trained = edgenas.train(network, out="net", data=Path("frames.npz"), epochs=2)
        assert_type(edgenas.export(trained.folder, formats=["int8", "float16"]).warnings, tuple[str, ...])
        assert_type(trained.metrics, dict[str, dict[str, float | None]])
    except edgenas.UsageError as error:
        assert_type(error.exit_code, int)


def wrong() -> None:
    """Calls that are wrong; the checker must see it."""
    network = edgenas.load_architecture("edgenas-compact-v1")
    edgenas.predict_latency(network, devise="pixel4")  # type: ignore[call-arg]
    edgenas.predict_latency(network, "pixel4")  # type: ignore[call-arg]
    edgenas.search(trials="two")  # type: ignore[arg-type]
    edgenas.serach()  # type: ignore[attr-defined]
