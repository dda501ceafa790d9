"""From traffic to settings and a bill: pure formulas, and a simulation that they are held against."""
