"""`relight bench`: recipes, their ablations and peers compared, in one run, on the same clips.

variants.py   what is compared: recipes, ablations, IC-Light frame by frame
cost.py       what a run took: seconds, UNet passes and pixels, memory
relit.py      clips relit by each variant, scored
enlarged.py   pictures and clips made smaller, enlarged again by each way and by peers, scored
published.py  results that others published, scored beside our own
growth.py     seconds and memory against length and size
cluster.py    what many workers would take, simulated from measured chunks
report.py     rows as Markdown, JSON and a picture
"""
