"""Arrow takes its memory from the system where it is told so before it is loaded."""

import subprocess
import sys


def test_arrow_keeps_no_memory_of_its_own() -> None:
    told = "from services.writer.memory import give_back\ngive_back()\nimport pyarrow\nprint(pyarrow.default_memory_pool().backend_name)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "system\n"


def test_nothing_that_the_writer_wires_with_loads_arrow() -> None:
    told = "import runpy, sys\nsys.argv = ['writer', '--help']\ntry:\n    runpy.run_module('services.writer', run_name='__main__')\n"
    told += "except SystemExit:\n    print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("False\n")
