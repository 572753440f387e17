)
"serve2

x:0../../../etc/hostname