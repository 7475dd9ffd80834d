module kipper/lab/httpd

go 1.26.0
