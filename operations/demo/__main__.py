"""`python -m operations.demo [shop day]`."""

from operations.demo.command import main
from process import leave

leave(main())
