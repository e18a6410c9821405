"""A source on disk becomes grey slices and labels.

Files, folders and cards come in; 8-bit slices with their voxel size, holes and labels go out. It
may import ``base`` and ``store``.

What is known before a file is read: ``cards`` (of each dataset), ``download`` (of their files),
``sources`` (what somebody gives instead).

How a file is read: ``formats``, one module for each kind of file; ``open_stack`` chooses among
them.

What a volume is: ``volume`` (what all have in common), ``stack_volume`` (on disk or in memory),
``generated`` (made by ``phantom``).

What is done with its values: ``grey_range`` (other depths become 8 bits), ``label_ids`` (values
of labels become ids), ``label_offset`` (where labels lie), ``region`` (which part is taken),
``thinned`` (which slices are), ``holes`` (how missing slices are named and printed), ``tissue``
(which pixels show no tissue).

How one is written: ``writing``, one module for each kind of file; ``write_volume`` chooses among
them.

What is kept of it: ``facts``, and ``facts_in_words`` for a reader.
"""
