"""Weaver data configurations read unchanged: the same file, the same tensors, without executing any of it.

``weaver_tensors("JetClass_kin.yaml", files)`` gives what weaver hands to a network; :func:`iterate_weaver` gives the
same in chunks of bounded memory, for training. Meaning of the file: weaver-core 0.5.3.
"""

from jetlego.data.weaver.config import WeaverConfig, is_weaver_config, load_weaver_config, weaver_from_options
from jetlego.data.weaver.load import iterate_weaver, prepare_weaver, weaver_tensors
from jetlego.data.weaver.rows import Packed
from jetlego.data.weaver.tensors import WeaverBatch

__all__ = [
    "Packed",
    "WeaverBatch",
    "WeaverConfig",
    "is_weaver_config",
    "iterate_weaver",
    "load_weaver_config",
    "prepare_weaver",
    "weaver_from_options",
    "weaver_tensors",
]
