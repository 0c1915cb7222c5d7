"""The payment service: wallets, and a ledger in which every movement has two legs."""
