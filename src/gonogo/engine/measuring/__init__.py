"""What is measured for each evidence file: the observations that `gonogo.measure` turns into it."""
