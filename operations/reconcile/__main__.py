"""`python -m operations.reconcile`."""

from operations.reconcile.command import main
from process import leave

leave(main())
