module kipper/lab/crash

go 1.26.0
