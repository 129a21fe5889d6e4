"""The worker: which run has its turn, where it is driven, who takes it over."""
