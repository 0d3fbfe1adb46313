"""Making bundles: quantising towers, and (with the extra `convert`) towers of other libraries."""
