# plot_recovery.gp -- Called by plot.sh, which sets sides, data and output.
set terminal svg size 720,420 font "sans-serif,13" background "#ffffff"
set output output
set title "Opening one log: time against its size"
set xlabel "MiB of records"
set ylabel "ms (min, median, max)"
set key outside right
set grid
set logscale xy
plot for [side in sides] data.side using ($1 / 1048576):2:3:4 with yerrorlines title side
