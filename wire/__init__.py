"""What a client would notice if one service did it differently, down to who is in the demo."""
