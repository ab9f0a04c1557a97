"""HOW FAR TO TRUST IT. Predictions beside measurements, with the split, the number of rows, and what was refitted said each time.

A dataset is a folder of ``datasets/``: rows of published or own measurements in one long form, with source and licence. Rows are
matched to catalogue names, predicted, and compared; splits hold whole networks, families or chips out of everything that was
fitted. What is learnt goes back as data: overlays beside the device files, and quantiles of residuals for the prediction intervals.
"""
