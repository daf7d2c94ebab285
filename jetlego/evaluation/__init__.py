"""What a tagger is worth: ROC, rejection at working points, bootstrap errors, calibration."""
