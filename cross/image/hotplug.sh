#!/bin/sh
# What `uevent` calls for each device that comes or goes: a new one gets its driver.
[ "$ACTION" = add ] && [ -n "$MODALIAS" ] && modprobe -q -b "$MODALIAS"
