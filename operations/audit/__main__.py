"""`python -m operations.audit`."""

from operations.audit.command import main
from process import leave

leave(main())
