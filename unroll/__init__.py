"""unroll: which recurrent network reads this text best, by how much, and can you repeat it?"""
