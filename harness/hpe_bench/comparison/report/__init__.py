"""The report: one page of HTML that holds a comparison, its plots and where every figure comes from."""
