"""The commands: take what was typed, call a flow, print its report; all else lies behind them."""
