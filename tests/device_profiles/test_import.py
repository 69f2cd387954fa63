from __future__ import annotations

import subprocess
import sys


def test_the_package_imports_no_runtime() -> None:
    code = (
        "import sys, edgenas.device_profiles as d; d.load_device('coral')\n"
        "print([m for m in ('numpy', 'tensorflow', 'ai_edge_litert', 'ctypes') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
