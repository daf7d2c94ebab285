"""DeLong's error of an AUC from pairwise comparisons, O(S N).

DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988) 837.
"""

import numpy as np


def delong_error(truth, score):
    signal, background = score[truth], score[~truth]
    higher = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
    of_signal, of_background = higher.mean(axis=1), higher.mean(axis=0)
    variance = of_signal.var(ddof=1) / signal.size + of_background.var(ddof=1) / background.size
    return float(np.sqrt(variance))
