"""`make bench`: what each stage costs alone, the bound that follows, and what the pipeline reaches."""
