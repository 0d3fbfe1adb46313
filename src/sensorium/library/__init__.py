"""The verbs, one file each: what joins readers, encoders, store and indexes into a library."""
