"""`python -m operations.demo [shop day]`."""

from config import leave
from operations.demo.shop_day import main

leave(main())
