"""Search structures over the rows of one space: arrays in, arrays out."""
