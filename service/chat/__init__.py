"""What people do in the chat: presses on buttons become events, and the person gets an answer."""
