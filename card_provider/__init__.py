"""A card provider in Stripe's manner: what payments by card are tried against, without Stripe.

It stands for a company outside: it imports nothing of ours, and nothing of ours imports it. It is a
process of its own, `python -m card_provider`, with its own books. docs/CARD-PROVIDER.md says what
of Stripe's API it has, where it differs, and which faults it makes on demand.
"""
