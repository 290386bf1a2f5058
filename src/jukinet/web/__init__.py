"""What people see (画面): desk, portal and observatory; each page is a thin skin over the nodes."""
