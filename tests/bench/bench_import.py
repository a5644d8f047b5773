"""What `import charlib` costs beside `import pydantic`, in one run: interleaved starts of Python, medians. At most twice is the aim.

python tests/bench/bench_import.py [rounds]
"""

import subprocess
import sys
import time
from statistics import median

MODULES = ("pydantic", "charlib")


def main(rounds: int = 15) -> None:
    """Print the median seconds of each and their ratio; the first round only warms the disk."""
    taken = {name: [] for name in MODULES}
    for number in range(rounds + 1):
        for name in MODULES[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            taken[name].append(time.perf_counter() - began)
    typical = {name: median(seconds[1:]) for name, seconds in taken.items()}
    print(*(f"import {name}: {seconds:.3f} s" for name, seconds in typical.items()), sep=", ", end=": ")
    print(f"{typical['charlib'] / typical['pydantic']:.2f} times")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
