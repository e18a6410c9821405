"""A volume becomes ``triplets.h5``: aligned, cut into tiles, rejected, split and written.

Volumes and options come in; a file of triplets goes out. It may import ``volumes`` and the
rooms before it.

From a name to a file: ``dataset_variant`` (the name), ``dataset_paths`` (where it lies),
``open_dataset`` (open or build), ``build_dataset`` (build), ``dataset`` (what cells are computed
on).

The build, in the order in which ``build`` calls it: ``options``; ``fitting_tile`` and
``shape_check`` before a slice is read; ``label_kind_check``; ``parts``, which of them are read;
``survey``, the first pass, with ``align``, ``grid``, ``window_measures`` and ``histogram``;
``shared_slices``;
``candidates`` with ``reject``; ``drift``; ``candidates`` with ``split``; ``write``, the second
pass, with ``lookup_tables``; ``label_placement_check``; ``contact_sheet``; ``build_summary``.

The file: ``layout`` (what stands where), ``digests``, ``file`` (reading), ``verify``,
``describe`` with ``tile_coverage``, ``labelled_slices`` and ``leakage``.

What networks take of it: ``training_crops`` and ``frames_and_tensors``.
"""
