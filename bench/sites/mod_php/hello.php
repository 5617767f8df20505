<?php
header("Content-Length: 14");
echo "Hello, World!\n";
