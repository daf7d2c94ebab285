"""How the kernels of this room are compiled: once, into a cache beside the source, and free of the GIL.

``exact`` keeps IEEE arithmetic to the letter. ``lanewise`` lets the compiler assume that no NaN occurs and that the
sign of zero does not matter, which is what it needs to take a minimum in vector lanes; no value changes by it.
"""

from __future__ import annotations

from numba import njit

exact = njit(nogil=True, cache=True, error_model="numpy")
lanewise = njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
