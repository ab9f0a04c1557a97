"""Files -> Graph: ONNX with the library ``onnx``, TFLite with the schema package ``tflite``, layer tables with ``csv``.

:func:`load_network` takes what a user types: a path or a catalogue name. A reader brings operators to ONNX names and normalised
attributes, folds constants, keeps of the weights what counting needs, and turns every way a file can be broken into one line with
the file's name. Shapes come from the file and are held against the operators' rules.
"""

from workloads.readers.catalogue import ListedNetwork, network_list
from workloads.readers.layer_table import is_layer_table, load_layer_table
from workloads.readers.network import load_network
from workloads.readers.onnx_file import load_onnx
from workloads.readers.tflite_file import load_tflite

__all__ = ["ListedNetwork", "is_layer_table", "load_layer_table", "load_network", "load_onnx", "load_tflite", "network_list"]
