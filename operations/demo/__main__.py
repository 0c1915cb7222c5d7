"""`python -m operations.demo [shop day]`."""

from operations.demo.shop_day import main
from process import leave

leave(main())
