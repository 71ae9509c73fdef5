"""What a report says of a run: plain values computed from its record, without colours, markup or widths."""
