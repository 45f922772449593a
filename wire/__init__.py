"""What a client would notice if one service did it differently."""
