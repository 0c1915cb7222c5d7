"""`make audit`: do the invariants hold?"""
