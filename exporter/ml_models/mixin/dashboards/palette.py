"""The dashboard's colours: those of Okabe and Ito, which people with any kind of colour blindness can tell apart.

Their black is left out, because it cannot be seen on Grafana's dark background. A colour never stands alone: states are
written out, limits are dashed, and every series is named in a legend.

References
----------
Okabe, M. and Ito, K. (2008), Color Universal Design: https://jfly.uni-koeln.de/color/
"""

ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#999999"  # not of the palette: for what is a background to compare with

#: What the colours say wherever they stand for a state.
GOOD, NEUTRAL, WARN, BAD = GREEN, SKY, ORANGE, VERMILLION
