"""`funkhaus policy check`: is a folder of policy files fit to decide? What is found is said in its admin's words."""
