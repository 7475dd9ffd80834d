module kipper/lab/zst

go 1.26.0

require github.com/klauspost/compress v1.19.1
