"""Writes golden files: numbers that read back as the same number, arrays of numbers on one line."""

import json
import pathlib
from typing import Any

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent

LINE_WIDTH = 160


def plain(value: Any) -> Any:
    """Arrays, tensors and NumPy scalars as lists and numbers; a float32 in the fewest digits that read back as that float32."""
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, (np.float32, np.float64)):
        return float(str(value))
    if isinstance(value, np.integer):
        return int(value)
    return value


def flat(array: Any) -> list[float]:
    """A tensor or array in row-major order of its axes as they are."""
    if hasattr(array, "detach"):
        array = array.detach().numpy()
    return plain(np.ascontiguousarray(array).reshape(-1))


def lines(value: Any, indent: str = "") -> str:
    """JSON with one line per member of a large record; small records, and lists without records inside, on one line."""
    deeper = indent + " "
    if isinstance(value, dict) and not any(isinstance(item, dict) for item in value.values()):
        line = json.dumps(value, allow_nan=False)
        if len(line) <= LINE_WIDTH:
            return line
    if isinstance(value, dict) and value:
        inside = ",\n".join(f"{deeper}{json.dumps(key)}: {lines(item, deeper)}" for key, item in value.items())
        return f"{{\n{inside}\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        inside = ",\n".join(deeper + lines(item, deeper) for item in value)
        return f"[\n{inside}\n{indent}]"
    # Infinity and NaN are not JSON; a golden value must be a number.
    return json.dumps(value, allow_nan=False)


def write(name: str, record: dict[str, Any]) -> None:
    """Writes one golden file beside this script."""
    path = FOLDER / name
    path.write_text(lines(plain(record)) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size} bytes")
