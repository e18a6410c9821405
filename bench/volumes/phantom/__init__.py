"""`phantom`: a deterministic synthetic serial-section EM volume with exact neuron ids.

Neurites are tubes of spheres that grow, swell, branch and end in three dimensions
(`neurites`), filled with organelles (`organelles`). Every section is cut at several depths
within its thickness and averaged (`sections`), then imaged (`imaging`). Motion through z,
the apparent width of tilted membranes and the way profiles merge all follow from that.
"""

from bench.volumes.phantom.options import PhantomOptions
from bench.volumes.phantom.volume import Phantom, phantom_volume

__all__ = ["Phantom", "PhantomOptions", "phantom_volume"]
