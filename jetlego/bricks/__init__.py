"""The brick box: plain tensors in, plain tensors out, snapped together by a closed vocabulary."""
