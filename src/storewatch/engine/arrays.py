"""Bring arrays into the one form for which the kernels are compiled."""

from typing import Any

import numpy as np
import numpy.typing as npt


def frozen(values: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return a contiguous read-only view of an input, or a copy if the input is not contiguous or of another dtype.

    Numba compiles a kernel again for every combination of layout, dtype and writability, in about a second each.
    """
    view = np.ascontiguousarray(values, dtype).view()
    view.flags.writeable = False
    return view
