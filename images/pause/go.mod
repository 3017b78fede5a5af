module fleet/pause

go 1.24
